import * as z from 'zod';

/** `local` is always there: the folder store and the child-process endpoint of this machine. */
export const localProfileName = 'local';

const text = z.string().min(1).max(2048);

export const profile = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/iu, 'a name has letters, digits, dots and dashes, at most 64'),
  /** s3://bucket/prefix/ or file:///folder/ */
  store: z
    .string()
    .max(2048)
    .regex(
      /^(?:s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:\/.*)?|file:\/\/\/.*)$/u,
      'a store is s3://bucket/prefix or file:///folder',
    ),
  /** Where queries are evaluated: a child process of this machine, or an endpoint's address. */
  endpoint: z.union([
    z.literal('local'),
    z
      .string()
      .max(2048)
      .refine(isHttpUrl, 'an endpoint is "local" or http(s)://host:port, without name, password, query or fragment'),
  ]),
  awsProfile: text.optional(),
  region: text.optional(),
  /** Another server than AWS for S3. */
  s3Endpoint: text.refine(isHttpUrl, 'an S3 endpoint is http(s)://host:port').optional(),
});
export type Profile = z.infer<typeof profile>;

/** `<home>/profiles.json`. */
export const profilesFile = z.strictObject({
  format: z.literal('sealpoint.profiles'),
  version: z.literal(1),
  profiles: z.array(profile).max(1000),
});

/** What `profiles list` prints; `add` and `remove` print the one they were about. */
export const profileListOutcome = z.strictObject({ profiles: z.array(profile) });
export type ProfileListOutcome = z.infer<typeof profileListOutcome>;

/** Credentials never lie in a profile, so an address that carries some is refused. */
function isHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/u.test(protocol) && `${username}${password}${search}${hash}` === '';
}
