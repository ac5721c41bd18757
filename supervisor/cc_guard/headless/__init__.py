"""`claude -p`: a run that the connection has ended is gone on with. Measured on 1.0.120, 2.0.60, 2.1.132 and
2.1.330.

plan and output are pure, job and process carry them out: these four are the start-up path. The rest is
imported when a run has failed.
"""
