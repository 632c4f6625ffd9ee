"""In which order the line runs; nothing else."""
