"""From file to file, array by array, where the files tell enough and no model is needed."""
