raise ImportError("only the tests have this client of the API: kopf loads it wherever it is installed")
