"""Pretrained encoders (BERT, RoBERTa, DistilBERT, MPNet) as networks, in Gluon and in ONNX."""
