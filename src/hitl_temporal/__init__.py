"""Human-in-the-loop automation: jobs and people in one durable flow, on Temporal."""
