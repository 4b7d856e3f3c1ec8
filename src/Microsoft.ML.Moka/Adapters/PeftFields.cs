using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// Fields of PEFT's configurations that change what an adapter computes, and that cannot be followed here. To pass over one in silence would give another
/// model, so each is refused by its name. Fields that concern the start of training alone are passed over, and so are those that nobody knows.
/// </summary>
internal static class PeftFields
{
    private static readonly (string Name, string Meaning)[] Unsupported =
    [
        ("layer_replication", "a backbone with repeated layers"),
        ("fan_in_fan_out", "weights that are stored transposed"),
        ("target_parameters", "parameters that are no linear map"),
        ("alora_invocation_tokens", "an adapter that some tokens switch on"),
        ("use_qalora", "QALoRA's pooled inputs"),
        ("use_bdlora", "block-diagonal factors"),
        ("arrow_config", "a mixture of adapters with a router"),
        ("kasa_config", "KaSA's singular values"),
        ("monteclora_config", "MonteCLoRA's sampled factors"),
        ("velora_config", "VeLoRA's compressed inputs"),
        ("megatron_config", "a backbone in Megatron's form"),
        ("use_effective_conv2d", "factors of convolutions"),
    ];

    // These start from another backbone than the one on disk: a part of each weight is moved into the factors first.
    private static readonly string[] ChangingBackbone = ["pissa", "olora", "corda", "loftq", "lora_ga"];

    /// <exception cref="InvalidDataException">A field asks for what is not supported.</exception>
    public static void RequireSupported(JsonFields fields)
    {
        foreach (var (name, meaning) in Unsupported)
        {
            if (fields.IsSet(name))
                throw fields.Error(name, $"is set ({meaning}), which is not supported: train the adapter without it");
        }
        if (fields.IsText("init_lora_weights") && fields.Text("init_lora_weights") is var initial
            && Array.Exists(ChangingBackbone, start => initial.StartsWith(start, StringComparison.OrdinalIgnoreCase)))
            throw fields.Error("init_lora_weights",
                $"is '{initial}': such an adapter belongs to a changed backbone. Convert it to plain LoRA with PEFT (save_pretrained, " +
                "path_initial_model_for_weight_conversion)");
    }
}
