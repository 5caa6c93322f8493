process.on('sveltekit:shutdown', (reason) => console.log(`the application ends: ${reason}`));
