using System.Globalization;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Interchange.Gguf;

namespace Microsoft.ML.Moka;

/// <summary>
/// An adapter of any method as the LoRA that is nearest to it: on every map the best approximation of its update by a matrix of low rank (its truncated
/// singular value decomposition), with what that loses. Programs that know nothing but LoRA run it: vLLM, llama.cpp, ONNX Runtime GenAI. Made by
/// <see cref="MokaModel.ToLora"/> and <see cref="MokaModel.ToLoraOfEnergy"/>.
/// </summary>
public sealed class LoraConversion
{
    private readonly BackboneSource _source;
    private readonly LlamaConfig _config;
    private readonly LoraAdapter _options;
    private readonly IReadOnlyList<SafetensorsTensor> _tensors;

    internal LoraConversion(
        BackboneSource source, LlamaConfig config, LoraAdapter options, IReadOnlyList<SafetensorsTensor> tensors, IReadOnlyList<LoraMapConversion> maps)
    {
        (_source, _config, _options, _tensors, Maps) = (source, config, options, tensors, maps);
        var (energy, lost) = (maps.Sum(map => map.UpdateNorm * map.UpdateNorm), maps.Sum(map => Math.Pow(map.UpdateNorm * map.RelativeError, 2)));
        RelativeError = energy == 0 ? 0 : Math.Sqrt(lost / energy);
    }

    /// <summary>The rank on every map; maps whose shorter side is below it have that.</summary>
    public int Rank => _options.Rank;

    /// <summary>‖ΔW − LoRA‖ / ‖ΔW‖ over all maps together (Frobenius norms): 0 is the same update, 1 is nothing of it.</summary>
    public double RelativeError { get; }

    /// <summary>The share of the squares of the updates' singular values that is kept, over all maps together: 1 − <see cref="RelativeError"/>².</summary>
    public double KeptEnergy => 1 - RelativeError * RelativeError;

    /// <summary>The same map by map.</summary>
    public IReadOnlyList<LoraMapConversion> Maps { get; }

    /// <summary>Saves it as a folder in PEFT's form, as <see cref="MokaModel.SaveAdapter"/> does.</summary>
    /// <param name="folder">
    /// The folder, which is made if it is not there. An earlier adapter in it is replaced when the new one is on the disk; other files stay.
    /// </param>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        AdapterFolder.Write(folder, AdapterFolder.Files(_source, [.. _config.LinearMaps], _options, _tensors));
    }

    /// <summary>Saves it as a GGUF file for llama.cpp and Ollama, as <see cref="MokaModel.SaveAdapterGguf"/> does.</summary>
    /// <param name="path">The file, which ends in <c>.gguf</c>. An earlier one is replaced when the new one is on the disk.</param>
    /// <param name="model">What the Modelfile beside it names as the model that the adapter is put on; by default the path of the backbone.</param>
    /// <exception cref="ArgumentException">The path is not that of a GGUF file, or that of the backbone.</exception>
    /// <exception cref="InvalidOperationException">The model has a head for scores, or llama.cpp has no such model.</exception>
    public void SaveGguf(string path, string? model = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        GgufExport.CheckPath(path, _source.Files);
        GgufExport.RefuseHead(_options);
        GgufAdapter.Write(path, _source, _config, _options, _tensors, model);
    }

    /// <summary>Rank, kept energy and error in one line.</summary>
    /// <returns>"LoRA of rank 16: keeps 93.1 % of the update's energy, relative error 0.263".</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"LoRA of rank {Rank}: keeps {100 * KeptEnergy:0.0###} % of the update's energy, relative error {RelativeError:0.000###}");
}

/// <summary>What a <see cref="LoraConversion"/> keeps of the update of one map.</summary>
public sealed record LoraMapConversion
{
    /// <summary>The full name, as Hugging Face has it: <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public required string Map { get; init; }

    /// <summary>The rank of the LoRA on this map.</summary>
    public required int Rank { get; init; }

    /// <summary>‖ΔW‖, the Frobenius norm of the update.</summary>
    public required double UpdateNorm { get; init; }

    /// <summary>‖ΔW − LoRA‖ / ‖ΔW‖, of the factors as they are written, in 32-bit floats; 0 where there is no update.</summary>
    public required double RelativeError { get; init; }

    /// <summary>The share of the squares of the singular values that is kept: 1 − <see cref="RelativeError"/>².</summary>
    public double KeptEnergy => 1 - RelativeError * RelativeError;
}
