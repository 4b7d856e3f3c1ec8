using Microsoft.ML.Moka.Backbones;

namespace Microsoft.ML.Moka;

/// <summary>What the files of a backbone say of it, before its weights are loaded: shape, tokenizer, form of the weights, fingerprint.</summary>
public sealed record BackboneDescription
{
    internal BackboneDescription()
    {
    }

    /// <summary>The folder, or what else holds the files: "the embedded backbone", "model".</summary>
    public required string Location { get; init; }

    /// <summary>What a saved model knows the backbone by: "sha256:" and 64 hexadecimal digits.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>All parameters, a tied head counted once.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Elements of a hidden state (<c>hidden_size</c>).</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Elements inside the feed-forward part (<c>intermediate_size</c>).</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Query heads of the attention.</summary>
    public required int AttentionHeadCount { get; init; }

    /// <summary>Key and value heads; fewer than query heads where those share them.</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Elements of one head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Rows of the embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The longest sequence.</summary>
    public required int MaximumPositions { get; init; }

    /// <summary>The base of the rotary frequencies (<c>rope_theta</c>).</summary>
    public required double RotaryBase { get; init; }

    /// <summary>How the rotary frequencies are stretched: "none", "linear", "dynamic", "llama3", "yarn".</summary>
    public required string RotaryScaling { get; init; }

    /// <summary>Whether the head is the embedding.</summary>
    public required bool HasTiedHead { get; init; }

    /// <summary>The tokenizer's kind: "SentencePiece", "Tiktoken" or "byte-level BPE".</summary>
    public required string Tokenizer { get; init; }

    /// <summary>Tokens that the tokenizer knows; the embedding may have more rows.</summary>
    public required int TokenizerVocabularySize { get; init; }

    /// <summary>The form that most linear maps have in the files: "F32", "BF16", "nf4".</summary>
    public required string WeightFormat { get; init; }

    /// <summary>Bytes of all tensors in the files.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Reads the files of a backbone. Of the weights it reads what the fingerprint takes, a mebibyte of each tensor at most.</summary>
    /// <param name="path">
    /// The folder of a LLaMA in Hugging Face form, a GGUF file, or the name of a model in Hugging Face's cache; null for the small one inside this package.
    /// </param>
    /// <returns>The description.</returns>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file is damaged, or no LLaMA's; the message names file and field.</exception>
    public static BackboneDescription Of(string? path = null)
    {
        var files = BackboneSource.Open(path).Files;
        return BackboneReader.Read(files, SharedBackbone.FingerprintOf(files));
    }
}
