"""From symptom to cause: probes look, rules judge. `cc-guard doctor` and a live incident run the same."""
