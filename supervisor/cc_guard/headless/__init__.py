"""`claude -p`: a run that has lost its connection is gone on with, by `--resume`, when the API is back.

start, plan, job, process, output, outlet, signals and warden are the start-up path; what else there is gets
imported when a run has failed. Measured on 1.0.120, 2.0.60, 2.1.132 and 2.1.330.
"""
