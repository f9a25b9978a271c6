"""Tracking: what was tried and what came of it, sent to MLflow. The only room that imports mlflow."""
