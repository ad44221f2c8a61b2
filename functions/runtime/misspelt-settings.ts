import { nearness } from "../../core/names.ts";
import { type Environment, InvalidSetting, type SettingTable } from "./settings.ts";

/** A longer name is not a misspelt one. */
const NAME_CHARS_MAX = 64;
/** Least letters of a name for one edit, and for two: short names are too near to others, as APP_KEY to API_KEY. */
const LETTERS_FOR_ONE_EDIT = 8;
const LETTERS_FOR_TWO_EDITS = 12;

/** Misspellings with more edits that no other program uses. */
const ALSO_MEANT: Readonly<Record<string, readonly string[]>> = {
  API_KEY: ["APIKEYS"],
  DATA_DIR: ["DATADIRS", "DATADIRECTORY", "DATAFOLDER"],
};

/**
 * Refuses a variable that is a misspelt setting of `table`: a server that ignored it would run open, or on another folder. A real
 * environment has many variables of other programs, so only these count:
 *
 *   - the letters of a setting, in any case, with or without underscores: DATADIR, data_dir, port
 *   - one edit away, or two, from a setting with a long name of its own: LOG_LEVL, WEBHOOK_ALLOW_HTTPS. Names with AWS_ are AWS's
 *   - the few above
 *
 * If the setting itself is set too, there is no doubt, and the variable is ignored. Errors: `InvalidSetting`.
 */
export function refuseMisspelt(table: SettingTable, environment: Environment): void {
  const settings = Object.values(table).map(({ env }) => env);
  for (const [name, value] of Object.entries(environment)) {
    if (!value || name.length > NAME_CHARS_MAX || settings.includes(name)) continue;
    const meant = settings.find((setting) => !environment[setting] && isMisspelt(name, setting));
    if (meant !== undefined)
      throw new InvalidSetting(
        `${name} is set, and is no setting. Did you mean ${meant}? Where ${meant} is set too, ${name} is left alone.`,
      );
  }
}

function isMisspelt(name: string, setting: string): boolean {
  const written = lettersOf(name);
  const wanted = lettersOf(setting);
  if (written === wanted || ALSO_MEANT[setting]?.includes(written)) return true;
  if (setting.startsWith("AWS_") || wanted.length < LETTERS_FOR_ONE_EDIT) return false;
  const edits = nearness(written, wanted);
  return edits !== undefined && edits <= (wanted.length < LETTERS_FOR_TWO_EDITS ? 1 : 2);
}

const lettersOf = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
