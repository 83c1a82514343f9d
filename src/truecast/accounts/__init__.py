"""Who may ask: API keys and what each allows. User accounts will stand here too."""
