"""What runs by itself: the schedule, the runner, and one thin file per job."""
