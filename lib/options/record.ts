import type { ClockLimits, RecycleLimits, ServingOptions } from '../protocol/spec.js';
import type { Kind } from './checks.js';
import type { HttpValues, OptionName, OptionValues } from './resolved.js';
import type { ArbiterOptions } from './types.js';

/**
 * All that is known of an option, once: `validateOptions()` takes the check, the default and the contradictions from here, the guide's page
 * of options is made from it, and a test holds the TSDoc in `types.ts` to it. Like a setting of Gunicorn.
 */
export interface OptionRecord<Name extends OptionName = OptionName> {
  /** What it is, on one line, and what 0 means where that is no number like others: sentences of the TSDoc, which may go on where these end. */
  readonly about: string;
  readonly kind: Kind<Exclude<OptionValues[Name], undefined>>;
  /** As a user would say it, or found out when it is wanted. Undefined where nothing stands in. */
  readonly defaultValue: Default<Name>;
  /** The default in words, where it is no constant; as in the TSDoc. */
  readonly defaultText?: string;
  /** What of it a reload finds out anew. Absent for those that keep what the master was started with. */
  readonly reload?: string;
  /** The name that Gunicorn has for it. */
  readonly gunicorn?: string;
  /** Settings of others that it does not go with. */
  readonly contradicts?: readonly Contradiction[];
  /** The part of the resolved options that it is in. Absent for those that stand by themselves. */
  readonly part?: PartOf<Name>;
}

/** The records of one subject. */
export type OptionRecords = { readonly [Name in OptionName]?: OptionRecord<Name> & PartNamed<Name> };

export interface Contradiction {
  readonly with: OptionName;
  /** When they do not go together, for the guide. */
  readonly says: string;
  /** Throws `ERR_INVALID_OPTION` if it is so. All values are right by themselves. */
  readonly refuse: (option: OptionName, settings: Settings) => void;
}

/** What was said, and what it comes to. */
export interface Settings {
  readonly given: Readonly<Record<string, unknown>>;
  readonly values: OptionValues;
  /** The names of all options. */
  readonly known: readonly string[];
}

type Default<Name extends OptionName> =
  | Exclude<ArbiterOptions[Name], undefined>
  | (() => OptionValues[Name])
  | (undefined extends OptionValues[Name] ? undefined : never);

/** Options that go to the workers, or to Node, together. */
interface Parts {
  readonly serving: ServingOptions;
  readonly clocks: ClockLimits;
  readonly recycle: RecycleLimits;
  readonly http: HttpValues;
}

export type PartName = keyof Parts;

type PartOf<Name> = { [Part in PartName]: Name extends keyof Parts[Part] ? Part : never }[PartName];

/** So that one which belongs to a part does not compile without. */
type PartNamed<Name> = [PartOf<Name>] extends [never] ? unknown : { readonly part: PartOf<Name> };
