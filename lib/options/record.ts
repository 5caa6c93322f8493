import type { ClockLimits, RecycleLimits, ServingOptions } from '../protocol/spec.js';
import type { Kind } from './checks.js';
import type { HttpValues, OptionName, OptionValues } from './resolved.js';
import type { ArbiterOptions } from './types.js';

/**
 * All that is known of an option, in one place, like a setting of Gunicorn. `validateOptions()` takes the check, the
 * default and the contradictions from here. The guide's page of options is made from it, and a test compares the TSDoc
 * in `types.ts` with it.
 */
export interface OptionRecord<Name extends OptionName = OptionName> {
  /**
   * What the option is, on one line, and what 0 means if it is special. The TSDoc must contain these sentences, and may
   * continue each of them.
   */
  readonly about: string;
  readonly kind: Kind<Exclude<OptionValues[Name], undefined>>;
  /** The default as a user would write it, or a function that finds it out. Undefined if there is no default. */
  readonly defaultValue: Default<Name>;
  /** The default in words, as in the TSDoc; for a default that is not a constant. */
  readonly defaultText?: string;
  /** What a reload reads again. Absent for options that keep the value with which the master started. */
  readonly reload?: string;
  /** Gunicorn's name for it. */
  readonly gunicorn?: string;
  /** Settings of other options that it cannot be combined with. */
  readonly contradicts?: readonly Contradiction[];
  /** The part of the resolved options that the option goes into. Absent for options that are in no part. */
  readonly part?: PartOf<Name>;
}

/** The records of one subject. */
export type OptionRecords = { readonly [Name in OptionName]?: OptionRecord<Name> & PartNamed<Name> };

export interface Contradiction {
  readonly with: OptionName;
  /** When the two options cannot be combined, for the guide. */
  readonly says: string;
  /** Throws `ERR_INVALID_OPTION` if they contradict each other. Each value alone has been checked before. */
  readonly refuse: (option: OptionName, settings: Settings) => void;
}

/** The options as the user gave them, and their checked values with defaults. */
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

/** Groups of options that go to the workers, or to Node, together. */
interface Parts {
  readonly serving: ServingOptions;
  readonly clocks: ClockLimits;
  readonly recycle: RecycleLimits;
  readonly http: HttpValues;
}

export type PartName = keyof Parts;

type PartOf<Name> = { [Part in PartName]: Name extends keyof Parts[Part] ? Part : never }[PartName];

/** Makes the compiler require `part` in the record of an option that belongs to a part. */
type PartNamed<Name> = [PartOf<Name>] extends [never] ? unknown : { readonly part: PartOf<Name> };
