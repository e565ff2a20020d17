export interface TestUser {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * moto accepts everybody until it is told to check signatures; before that it gets two users, one with all rights on S3, one with none.
 * The suites pass on it as on versitygw, three times slower.
 */
export async function enforceMotoSignatures(
  endpoint: string,
  anybody: TestUser,
): Promise<{ readonly owner: TestUser; readonly reader: TestUser }> {
  const call = async (parameters: Readonly<Record<string, string>>): Promise<string> => {
    const scope = `Credential=${anybody.accessKeyId}/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0`;
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: `AWS4-HMAC-SHA256 ${scope}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString(),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`moto: ${parameters['Action'] ?? ''}: ${text}`);
    return text;
  };
  const addUser = async (name: string): Promise<TestUser> => {
    await call({ Action: 'CreateUser', UserName: name });
    const key = await call({ Action: 'CreateAccessKey', UserName: name });
    return { accessKeyId: element(key, 'AccessKeyId'), secretAccessKey: element(key, 'SecretAccessKey') };
  };
  const owner = await addUser('owner');
  const reader = await addUser('reader');
  const everything = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
  });
  await call({ Action: 'PutUserPolicy', UserName: 'owner', PolicyName: 'everything', PolicyDocument: everything });
  await fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
  return { owner, reader };
}

function element(xml: string, name: string): string {
  const value = new RegExp(`<${name}>([^<]*)</${name}>`, 'u').exec(xml)?.[1];
  if (value === undefined) throw new Error(`moto: no ${name} in its answer`);
  return value;
}
