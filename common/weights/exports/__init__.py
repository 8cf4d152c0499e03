"""What an inference export of Paddle's tells beside its values: kinds of layers, what became of them, a state dict."""
