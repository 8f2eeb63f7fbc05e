"""Sign-in: credentials, tokens, certificates, OAuth."""
