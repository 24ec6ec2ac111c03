"""Alibaba Cloud through its OpenAPI, with its official SDK."""
