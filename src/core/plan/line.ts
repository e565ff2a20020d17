/** The line that plans are weighed for: uplinks are slower than downlinks, 40 and 160 Mbit/s. */
export const secondsPerByte = { sent: 8 / 40e6, received: 8 / 160e6 };
