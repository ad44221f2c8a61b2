const nothing = (): void => undefined;

/** A logger for RocketMQ's client, which else writes to files of the home directory. */
export const QUIET = { info: nothing, warn: nothing, error: nothing, debug: nothing };
