#!/usr/bin/env node
// npm links this file before the program is built (`npm ci` does both).
import '../dist/pinchwork.mjs';
