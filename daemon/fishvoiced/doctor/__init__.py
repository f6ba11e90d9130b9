"""What a person is told about this machine: diagnosis, expectations, platform matrix."""
