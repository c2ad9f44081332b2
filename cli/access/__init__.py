"""Commands about who may call: people, API keys, and the keys that sign access tokens."""

COMMANDS = {
    "people": "Give a person an account, the first admin too.",
    "keys": "Give a person or a program an API key; list, rotate or revoke keys.",
    "tokens": "Bring a new key that signs access tokens into use.",
}
