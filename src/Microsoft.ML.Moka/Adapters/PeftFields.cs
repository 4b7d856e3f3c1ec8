using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// Fields of PEFT's configurations that change what an adapter computes, and that cannot be followed here. To pass over one in silence would give another
/// model, so each is refused by its name. Fields that concern the start of training alone are passed over, and so are those that nobody knows, unless their
/// name is that of a switch.
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

    // Others start from another backbone than the one on disk (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA): a part of each weight is moved into the factors first.
    private static readonly string[] KeepingBackbone = ["gaussian", "eva", "orthogonal"];

    // Switches of LoRA that are read elsewhere. Those of variants that nobody knows yet are called so too.
    private static readonly string[] KnownSwitches = ["use_dora", "use_rslora"];
    private const string Switch = "use_";

    /// <exception cref="InvalidDataException">A field asks for what is not supported.</exception>
    public static void RequireSupported(JsonFields fields)
    {
        foreach (var (name, meaning) in Unsupported)
        {
            if (fields.IsSet(name))
                throw fields.Error(name, $"is set ({meaning}), which is not supported: train the adapter without it");
        }
        if (fields.Names.FirstOrDefault(name => name.StartsWith(Switch, StringComparison.Ordinal) && fields.IsSet(name) && !KnownSwitches.Contains(name))
            is { } unknown)
            throw fields.Error(unknown, "is set and not known, and may change what the adapter computes: take it out if it does not");
        if (fields.IsText("init_lora_weights") && fields.Text("init_lora_weights") is var initial
            && !KeepingBackbone.Contains(initial, StringComparer.OrdinalIgnoreCase))
            throw fields.Error("init_lora_weights",
                $"is '{initial}'; there are true, false, {string.Join(", ", KeepingBackbone)}. With others, such as pissa, an adapter belongs to a changed " +
                "backbone: convert it to plain LoRA with PEFT (save_pretrained, path_initial_model_for_weight_conversion)");
    }
}
