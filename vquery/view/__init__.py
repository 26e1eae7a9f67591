"""Tables in, HTML out: timeline lanes, contact sheets and pages for notebooks and reports."""
