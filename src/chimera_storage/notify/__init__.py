"""Telling other programs what happens: webhooks and, for home automation, MQTT."""
