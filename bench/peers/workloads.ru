# As workloads.mjs, for Puma.
require 'json'

ITEMS = Array.new(100) do |index|
  { id: index, name: "item number #{index}", price: index * 1.25, available: index % 3 != 0, tags: %w[first second third] }
end.freeze

def cpu
  Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID)
end

run lambda { |environment|
  path = environment['PATH_INFO']
  type, body = 'text/plain', "hello\n"
  type, body = 'application/json', JSON.generate(items: ITEMS) if path == '/json'
  if path == '/cpu'
    limit = cpu + 0.001
    nil while cpu < limit
  end
  [200, { 'Content-Type' => type, 'Content-Length' => body.bytesize.to_s }, [body]]
}
