/** Signals that end a supervisor with everything it started, and what it then exits with. */
export const endSignals = { SIGTERM: 143, SIGHUP: 129, SIGINT: 130 } as const;

/** How patiently everything that was started is ended; milliseconds. */
export const endPatience = { grace: 500, limit: 5000 };

/** Every process that a supervisor started carries this variable; its value begins with a random text of that supervisor. */
export const familyVariable = 'SANDBOX_TOOLS_SESSION';
