// src/app.ts
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

export default NestFactory.create(AppModule, { abortOnError: false });
