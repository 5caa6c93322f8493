// src/app.module.ts
import { Controller, Get, Injectable, Module, type OnModuleDestroy, type OnModuleInit, Param } from '@nestjs/common';

@Injectable()
class Database implements OnModuleInit, OnModuleDestroy {
  private readonly greetings = new Map<string, string>();

  async onModuleInit(): Promise<void> {
    this.greetings.set('hello', 'Hello');
  }

  async onModuleDestroy(): Promise<void> {
    console.log('the database is closed');
  }

  greeting(word: string): string | undefined {
    return this.greetings.get(word);
  }
}

@Controller()
class HelloController {
  constructor(private readonly database: Database) {}

  @Get('hello/:name')
  hello(@Param('name') name: string): { message: string } {
    return { message: `${this.database.greeting('hello')} ${name}` };
  }
}

@Module({ controllers: [HelloController], providers: [Database] })
export class AppModule {}
