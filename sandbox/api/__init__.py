"""What Anaplan's services answer."""
