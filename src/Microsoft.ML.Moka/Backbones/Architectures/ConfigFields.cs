using System.Collections.Frozen;
using Microsoft.ML.Moka.Files;

namespace Microsoft.ML.Moka.Backbones.Architectures;

/// <summary>
/// Which fields a config may have. What changes what the model computes is read, or refused by name unless it stands at the value that changes nothing;
/// what does not is on a list. A field that nobody knows is refused, unless it says nothing: null, false, or empty.
/// </summary>
internal static class ConfigFields
{
    /// <summary>Why weights that MLX has quantized are refused, and what to do.</summary>
    public const string WeightsOfMlx = "its weights are quantized by MLX, which are not read: take the unquantized model, which is quantized as it is loaded";

    private const string Readable = "bitsandbytes";

    // MLX says the same under quantization_config, without the name of a method.
    private const string MlxQuantization = "quantization";

    private static readonly string[] Read =
    [
        "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
        "max_position_embeddings", "rms_norm_eps", "hidden_act", "tie_word_embeddings", "rope_theta", "rope_scaling", "rope_parameters",
        "original_max_position_embeddings", "bos_token_id", "eos_token_id", "quantization_config",
    ];

    // What does not reach the model: where it comes from, how it was or is to be run, what texts are made of, defaults of generation.
    private static readonly string[] Harmless =
    [
        "architectures", "auto_map", "custom_pipelines", "transformers_version", "torch_dtype", "dtype", "use_cache", "initializer_range", "pretraining_tp",
        "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "attention_dropout", "hidden_dropout", "hidden_dropout_prob",
        "resid_pdrop", "embd_pdrop", "dropout", "max_sequence_length", "tokenizer_class", "model_max_length", "is_llama_config", "transformers.js_config",
        "attn_implementation", "use_flash_attention_2", "use_flash_attn", "unsloth_fixed", "unsloth_version", "neftune_noise_alpha", "gradient_checkpointing",
        "use_bfloat16", "torchscript", "return_dict", "output_attentions", "output_hidden_states", "is_decoder", "tf_legacy_loss", "pruned_heads",
        "chunk_size_feed_forward", "finetuning_task", "problem_type", "id2label", "label2id", "num_labels", "task_specific_params", "prefix",
        "decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "max_length",
        "min_length", "max_new_tokens", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p",
        "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "num_return_sequences", "output_scores",
        "return_dict_in_generate", "exponential_decay_length_penalty", "remove_invalid_values", "keys_to_ignore_at_inference", "base_model_tp_plan",
        "base_model_pp_plan", "model_name", "name", "license", "language", "tags", "datasets", "init_method", "init_std", "initializer_factor", "eos_token",
        "bos_token", "pad_token", "unk_token",
    ];

    // Without the field they are true, so that false says something.
    private static readonly string[] TrueByDefault = ["is_causal", "use_rope"];

    // Multipliers and parts that LLaMA's relatives have, each at the value that leaves LLaMA.
    private static readonly FrozenDictionary<string, double> Neutral = new Dictionary<string, double>
    {
        ["partial_rotary_factor"] = 1,
        ["rotary_pct"] = 1,
        ["logits_scaling"] = 1,
        ["logit_scale"] = 1,
        ["residual_multiplier"] = 1,
        ["embedding_multiplier"] = 1,
        ["attention_multiplier"] = double.NaN,
        ["scale_emb"] = 1,
    }.ToFrozenDictionary();

    private static readonly FrozenSet<string> Known = Read.Concat(Harmless).ToFrozenSet();

    /// <exception cref="InvalidDataException">A field says what is not understood; the message names it.</exception>
    public static void Check(JsonFields fields, Architecture architecture, int headWidth)
    {
        foreach (var name in fields.Names)
        {
            if (TrueByDefault.Contains(name))
            {
                if (!fields.Boolean(name, true))
                    throw fields.Error(name, $"is false; for '{architecture.ModelType}' only true, which changes nothing, is supported");
                continue;
            }
            if (Known.Contains(name) || architecture.Fields.Contains(name) || name.StartsWith('_') || !fields.IsSet(name))
                continue;
            if (name == MlxQuantization)
                throw fields.Error(name, $"is set: {WeightsOfMlx}");
            if (!Neutral.TryGetValue(name, out var neutral))
                throw fields.Error(
                    name, $"is not known for '{architecture.ModelType}', and may change what the model computes: take the field out if it does not");
            // The attention's own scale is 1 by the root of the head's width.
            if (double.IsNaN(neutral))
                neutral = 1 / Math.Sqrt(headWidth);
            var value = fields.Number(name, double.MinValue, double.MaxValue);
            if (Math.Abs(value - neutral) > 1e-6 * neutral)
                throw fields.Error(
                    name, FormattableString.Invariant($"is {value}; for '{architecture.ModelType}' only {neutral}, which changes nothing, is supported"));
        }
        if (fields.Object("quantization_config") is { } quantization && quantization.Text("quant_method", Readable) is not Readable and var method)
            throw fields.Error(
                "quantization_config.quant_method",
                $"is '{method}'; read are weights quantized by {Readable} or not at all. Take the unquantized model: it is quantized as it is loaded");
    }
}
