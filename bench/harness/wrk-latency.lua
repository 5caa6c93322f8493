-- Makes wrk print the percentiles that the head to head shows, in microseconds. Only `done` is defined, since a
-- `request` function would cost the load generator CPU.
done = function(_, latency)
  io.write(string.format("Percentiles: %d %d %d\n", latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
