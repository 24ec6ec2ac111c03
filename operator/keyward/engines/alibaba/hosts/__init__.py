"""Hosts of the cloud: ECS instances, on which its Cloud Assistant runs what we give it."""
