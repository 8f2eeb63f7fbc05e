"""What is known about runs and data: status, problems, alerts."""
