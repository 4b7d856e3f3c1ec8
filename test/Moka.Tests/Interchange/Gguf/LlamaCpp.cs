using System.Text;
using LLama.Native;

namespace Microsoft.ML.Moka.Tests.Interchange.Gguf;

/// <summary>The genuine llama.cpp with a GGUF file: the oracle for what is written.</summary>
internal sealed class LlamaCpp : IDisposable
{
    // What it warned of since the last model was loaded.
    private static readonly StringBuilder Log = new();

    private static readonly Lazy<string?> Missing = new(() =>
    {
        try
        {
            NativeLogConfig.llama_log_set((level, message) =>
            {
                if (level >= LLamaLogLevel.Warning && level != LLamaLogLevel.Continue)
                    Log.Append(message);
            });
            NativeApi.llama_max_devices();
            return null;
        }
        catch (Exception error)
        {
            return error.Message;
        }
    });

    private readonly SafeLlamaModelHandle _model;
    private readonly SafeLLamaContextHandle _context;

    public LlamaCpp(string path)
    {
        Require();
        Log.Clear();
        var parameters = LLamaModelParams.Default();
        parameters.n_gpu_layers = 0;
        try
        {
            _model = SafeLlamaModelHandle.LoadFromFile(path, parameters);
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"{error.Message} {Log}", error);
        }
        var context = LLamaContextParams.Default();
        (context.n_ctx, context.n_batch, context.n_ubatch) = (512, 512, 512);
        (context.n_threads, context.n_threads_batch) = (1, 1);
        // Keys and values in full precision, so that only the weights' form counts.
        (context.type_k, context.type_v) = (GGMLType.GGML_TYPE_F32, GGMLType.GGML_TYPE_F32);
        context.llama_flash_attn_type = LLamaFlashAttentionType.LLAMA_FLASH_ATTENTION_TYPE_DISABLED;
        _context = _model.CreateContext(context);
    }

    public SafeLlamaModelHandle Model => _model;

    /// <summary>Skips the running test where the native library does not load.</summary>
    public static void Require() => Assert.SkipWhen(Missing.Value is not null, $"llama.cpp's native library does not load here: {Missing.Value}");

    public int[] Tokenize(string text, bool special = false) =>
        text.Length == 0 ? [] : [.. _model.Tokenize(text, addBos: false, special, Encoding.UTF8).Select(token => (int)token)];

    /// <summary>The logits after each of the tokens.</summary>
    public float[] Logits(IReadOnlyList<int> ids)
    {
        _context.MemoryClear();
        return Decode(ids, 0, everywhere: true);
    }

    /// <summary>The likeliest tokens, one after the other.</summary>
    public int[] Greedy(IReadOnlyList<int> prompt, int count)
    {
        _context.MemoryClear();
        var tokens = new List<int>();
        var logits = Decode(prompt, 0, everywhere: false);
        while (true)
        {
            tokens.Add(Array.IndexOf(logits, logits.Max()));
            if (tokens.Count == count)
                return [.. tokens];
            logits = Decode([tokens[^1]], prompt.Count + tokens.Count - 1, everywhere: false);
        }
    }

    public void Put(string adapter) => _context.SetLoraAdapters((_model.LoadLoraFromFile(adapter), 1f));

    public void Dispose()
    {
        _context.Dispose();
        _model.Dispose();
    }

    private float[] Decode(IReadOnlyList<int> ids, int position, bool everywhere)
    {
        var batch = new LLamaBatch();
        for (var i = 0; i < ids.Count; i++)
            batch.Add(ids[i], position + i, LLamaSeqId.Zero, everywhere || i == ids.Count - 1);
        Assert.Equal(DecodeResult.Ok, _context.Decode(batch));
        return [.. Enumerable.Range(0, ids.Count).Where(i => everywhere || i == ids.Count - 1).SelectMany(i => _context.GetLogitsIth(i).ToArray())];
    }
}
