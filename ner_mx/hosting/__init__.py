"""The container contract of SageMaker and hosts like it: ``train`` and ``serve`` on a fixed layout of folders.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms.html
"""
