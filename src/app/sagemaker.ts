import { statSync } from 'node:fs';
import { join } from 'node:path';

/** What SageMaker tells a container: by its environment, and by the folder into which it unpacked model.tar.gz. */
export interface SageMakerContainer {
  /** SAGEMAKER_BIND_TO_PORT as it is. Where it is set, requests come from outside the container, and none bears a token. */
  readonly port: string | undefined;
  /** The model's folder, where there is one. */
  readonly model: string | undefined;
}

/** SAGEMAKER_BASE_DIR moves `/opt/ml`, as it does for SageMaker's own serving toolkits. */
export function sageMakerContainer(environment: NodeJS.ProcessEnv): SageMakerContainer {
  const port = environment['SAGEMAKER_BIND_TO_PORT'];
  const model = join(environment['SAGEMAKER_BASE_DIR'] ?? '/opt/ml', 'model');
  const isThere = statSync(model, { throwIfNoEntry: false })?.isDirectory() === true;
  return { port: port === '' ? undefined : port, model: isThere ? model : undefined };
}

/** All interfaces in a container, this machine alone elsewhere. */
export function listeningHost({ port }: SageMakerContainer): string {
  return port === undefined ? '127.0.0.1' : '0.0.0.0';
}
