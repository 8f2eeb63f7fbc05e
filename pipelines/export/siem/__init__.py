"""Events of the log in the formats that SIEM products read."""
