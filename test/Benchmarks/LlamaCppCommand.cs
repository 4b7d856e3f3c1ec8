using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using LLama.Native;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Benchmarks;

/// <summary>The command "llamacpp": what 'step' measures of scoring and decoding, in llama.cpp on the same GGUF.</summary>
internal static class LlamaCppCommand
{
    public static CliCommand Create()
    {
        var gguf = new Option<FileInfo>("--gguf") { Description = "The model.", Required = true };
        var mode = new Option<string>("--mode") { Description = "Log-likelihoods, or decoding token by token.", DefaultValueFactory = _ => "decode" };
        mode.AcceptOnlyFromAmong("score", "decode");
        var batch = Number("--batch", 8, "Sequences of a step.");
        var sequence = Number("--seq", 128, "Tokens of a sequence.");
        var steps = Number("--steps", 5, "How many steps are measured, after one that is not.");
        var threads = Number("--threads", 2, "Threads.");
        var newTokens = Number("--new", 64, "How many tokens are decoded.");
        var command = new CliCommand("llamacpp", "Scoring or decoding in llama.cpp.") { gguf, mode, batch, sequence, steps, threads, newTokens };
        command.SetAction(parsed =>
        {
            using var run = new LlamaCppRun(
                parsed.GetValue(gguf)!.FullName, parsed.GetValue(threads), Math.Max(1024, parsed.GetValue(batch) * (parsed.GetValue(sequence) + 1)),
                parsed.GetValue(batch));
            var seconds = parsed.GetValue(mode) == "score"
                ? run.Score(parsed.GetValue(batch), parsed.GetValue(sequence), parsed.GetValue(steps))
                : run.Decode(parsed.GetValue(newTokens));
            var sorted = seconds.Order().ToArray();
            using var process = Process.GetCurrentProcess();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"llama.cpp {parsed.GetValue(mode)} T={parsed.GetValue(threads)} best={sorted[0]:f6}s med={sorted[sorted.Length / 2]:f6}s " +
                $"n={sorted.Length} peak={StepResult.ToGiB(process.PeakWorkingSet64):f2}GiB"));
        });
        return command;
    }

    private static Option<int> Number(string name, int usual, string description) => new(name) { Description = description, DefaultValueFactory = _ => usual };
}

/// <summary>llama.cpp with a model, as it is by default but for the threads.</summary>
internal sealed class LlamaCppRun : IDisposable
{
    private readonly SafeLlamaModelHandle _model;
    private readonly SafeLLamaContextHandle _context;
    private readonly SeededRandom _random = new(2);
    private readonly int _threads;

    public LlamaCppRun(string path, int threads, int tokens, int sequences)
    {
        _threads = threads;
        NativeLogConfig.llama_log_set((_, _) => { });
        // Whoever calls this first finds the native library.
        NativeApi.llama_max_devices();
        var parameters = LLamaModelParams.Default();
        parameters.n_gpu_layers = 0;
        _model = SafeLlamaModelHandle.LoadFromFile(path, parameters);
        var context = LLamaContextParams.Default();
        (context.n_ctx, context.n_batch, context.n_seq_max) = ((uint)(tokens + 255) / 256 * 256, (uint)tokens, (uint)sequences);
        (context.n_threads, context.n_threads_batch) = (threads, threads);
        context.kv_unified = true;
        _context = _model.CreateContext(context);
    }

    /// <summary>−log p of every token but the first of each sequence.</summary>
    public List<double> Score(int sequences, int length, int steps)
    {
        var ids = Enumerable.Range(0, sequences).Select(_ => Ids(length + 1)).ToArray();
        var seconds = new List<double>();
        for (var step = 0; step <= steps; step++)
        {
            var start = Stopwatch.GetTimestamp();
            _context.MemoryClear();
            var batch = new LLamaBatch();
            for (var s = 0; s < sequences; s++)
                for (var t = 0; t < length; t++)
                    batch.Add(ids[s][t], t, (LLamaSeqId)s, true);
            Decode(batch);
            var losses = new double[sequences * length];
            var rows = new float[sequences * length][];
            for (var i = 0; i < rows.Length; i++)
                rows[i] = _context.GetLogitsIth(i).ToArray();
            Parallel.For(0, rows.Length, new ParallelOptions { MaxDegreeOfParallelism = _threads }, i =>
            {
                var logit = rows[i][ids[i / length][i % length + 1]];
                var most = TensorPrimitives.Max(rows[i]);
                TensorPrimitives.Subtract(rows[i], most, rows[i]);
                TensorPrimitives.Exp(rows[i], rows[i]);
                losses[i] = Math.Log(TensorPrimitives.Sum(rows[i])) + most - logit;
            });
            if (step > 0)
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            if (losses.Any(loss => !double.IsFinite(loss)))
                throw new InvalidOperationException("llama.cpp's logits are not finite.");
        }
        return seconds;
    }

    /// <summary>The likeliest token after the other, each timed by itself.</summary>
    public List<double> Decode(int count)
    {
        const int Prompt = 16;
        var batch = new LLamaBatch();
        var ids = Ids(Prompt);
        for (var t = 0; t < Prompt; t++)
            batch.Add(ids[t], t, LLamaSeqId.Zero, t == Prompt - 1);
        Decode(batch);
        var token = TensorPrimitives.IndexOfMax<float>(_context.GetLogitsIth(Prompt - 1));
        var seconds = new List<double>();
        for (var t = 0; t < count; t++)
        {
            var start = Stopwatch.GetTimestamp();
            batch = new LLamaBatch();
            batch.Add(token, Prompt + t, LLamaSeqId.Zero, true);
            Decode(batch);
            token = TensorPrimitives.IndexOfMax<float>(_context.GetLogitsIth(0));
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return seconds;
    }

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
    }

    private void Decode(LLamaBatch batch)
    {
        var result = _context.Decode(batch);
        if (result != DecodeResult.Ok)
            throw new InvalidOperationException($"llama.cpp could not compute the batch: {result}.");
    }

    private int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => _random.NextInt32(_model.Vocab.Count))];
}
