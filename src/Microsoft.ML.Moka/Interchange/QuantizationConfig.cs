using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>What <c>config.json</c> says of a model in bitsandbytes' 4 bits, so that transformers loads it as such.</summary>
internal static class QuantizationConfig
{
    public const string Field = "quantization_config";

    /// <param name="weights">The form of the linear maps.</param>
    /// <param name="format">That of the other weights.</param>
    /// <param name="dense">Linear layers that are not quantized; null for those that transformers knows by itself.</param>
    public static SortedDictionary<string, object?> Of(WeightFormat weights, DenseFormat format, string[]? dense) => new(StringComparer.Ordinal)
    {
        ["_load_in_4bit"] = true,
        ["_load_in_8bit"] = false,
        ["bnb_4bit_compute_dtype"] = format.PyTorchName(),
        ["bnb_4bit_quant_storage"] = "uint8",
        ["bnb_4bit_quant_type"] = weights.Name,
        ["bnb_4bit_use_double_quant"] = true,
        ["llm_int8_enable_fp32_cpu_offload"] = false,
        ["llm_int8_has_fp16_weight"] = false,
        ["llm_int8_skip_modules"] = dense,
        // As a decimal it keeps its point, which transformers insists on.
        ["llm_int8_threshold"] = 6.0m,
        ["load_in_4bit"] = true,
        ["load_in_8bit"] = false,
        ["quant_method"] = "bitsandbytes",
    };
}
