"""What is done for each section of a pipeline file, and what each step depends on."""
