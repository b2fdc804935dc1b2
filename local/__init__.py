"""The whole stack on one machine, read from template.yaml: no Docker, no AWS account (`python -m local`)."""
