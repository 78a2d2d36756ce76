"""Training by several processes, on one machine or several, over MXNet's parameter server."""
