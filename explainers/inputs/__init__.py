"""Read text and image inputs."""
