"""Import paths of plugins; the objects live in plugin_sdk."""
