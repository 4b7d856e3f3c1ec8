namespace Microsoft.ML.Moka;

/// <summary>How a model is written as GGUF, for llama.cpp, Ollama and what is built on them.</summary>
public sealed class GgufOptions
{
    /// <summary>
    /// How the weights are stored. Default: <see cref="GgufFormat.F16"/>. A weight whose rows are no multiple of the 32 elements of a block is stored in F16.
    /// </summary>
    public GgufFormat Format { get; set; }

    /// <inheritdoc cref="MergeOptions.KeepQuantizationErrors"/>
    public bool KeepQuantizationErrors { get; set; }

    /// <summary>The name that the file gives the model; by default the file's own, without its extension.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// llama.cpp's name (<c>tokenizer.ggml.pre</c>) for how a byte-level tokenizer splits texts, such as <c>llama-bpe</c>. By default it is found by what the
    /// tokenizer does, and a tokenizer for which there is none is refused; whoever names one takes the texts for which the two differ into the bargain.
    /// </summary>
    public string? PreTokenizer { get; set; }

    /// <summary>Whether a Modelfile is written beside the file, <c>NAME.Modelfile</c> to <c>NAME.gguf</c>, for <c>ollama create</c>. Default true.</summary>
    public bool WithModelfile { get; set; } = true;

    /// <summary>Called as weights are written, with the share of the work that is done, from 0 to 1.</summary>
    public Action<double>? Progress { get; set; }

    /// <summary>Cancels the work, which then throws an <see cref="OperationCanceledException"/> and leaves an earlier file as it was.</summary>
    public CancellationToken CancellationToken { get; set; }
}
