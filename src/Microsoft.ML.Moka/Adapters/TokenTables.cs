namespace Microsoft.ML.Moka.Adapters;

/// <summary>The two weights of a backbone that have a row for each token and are no linear map of a layer.</summary>
internal enum TokenTable
{
    Embedding,
    Head,
}

/// <summary>What a backbone has beside the weights of its linear maps.</summary>
/// <param name="Rows">The vocabulary.</param>
/// <param name="Columns">The hidden size.</param>
/// <param name="TiedHead">Whether the head is the embedding.</param>
internal sealed record BackboneShape(int Rows, int Columns, bool TiedHead)
{
    /// <summary>The names of the linear maps that have a bias.</summary>
    public IReadOnlySet<string> BiasedMaps { get; init; } = new HashSet<string>();
}

/// <summary>What happens to a table.</summary>
internal enum TableChange
{
    /// <summary>Another one stands in its place, which is not trained: PEFT stores tables whose vocabulary was enlarged.</summary>
    Replaced,

    /// <summary>It is trained as a whole: PEFT's <c>modules_to_save</c>.</summary>
    Trained,

    /// <summary>Rows of some tokens are trained: PEFT's <c>trainable_token_indices</c>.</summary>
    TrainedRows,

    /// <summary>LoRA is added to it.</summary>
    LowRank,
}

/// <summary>How an adapter changes the embedding or the head, beside what it does to linear maps.</summary>
internal sealed record TableRule(TokenTable Table, TableChange Change, int Rows, int Columns)
{
    public const string EmbeddingModule = "model.embed_tokens";
    public const string HeadModule = "lm_head";

    /// <summary>The tokens of <see cref="TableChange.TrainedRows"/>.</summary>
    public IReadOnlyList<int> Tokens { get; init; } = [];

    public int Rank { get; init; }

    /// <summary>What the product of LoRA's factors is multiplied with.</summary>
    public float Scale { get; init; }

    /// <summary>Whether files bring the table that the change is made to, instead of the backbone's own.</summary>
    public bool HasBase { get; init; }

    public string Module => ModuleOf(Table);

    /// <summary>The table as the options of single modules see it.</summary>
    public MapShape Map => new(Module, Rows, Columns, -1);

    public long ParameterCount => Change switch
    {
        TableChange.Replaced => 0,
        TableChange.Trained => (long)Rows * Columns,
        TableChange.TrainedRows => (long)Tokens.Count * Columns,
        _ => (long)Rank * (Rows + Columns),
    };

    /// <summary>What files hold, trained or not.</summary>
    public long StoredCount => ParameterCount + (HasBase || Change == TableChange.Replaced ? (long)Rows * Columns : 0);

    /// <summary>Where a tied head has no rule of its own: whether it takes part in what happens to the embedding.</summary>
    public bool IsSharedByTiedHead => Change is TableChange.Replaced or TableChange.TrainedRows;

    public string BaseName => $"{Module}.{(Change == TableChange.TrainedRows ? "token_adapter." : "")}base_layer.weight";

    public string WholeName => $"{Module}.weight";

    public string RowsName => $"{Module}.token_adapter.trainable_tokens_delta";

    /// <summary>LoRA's factor with an element for each token; that of a head is stored transposed.</summary>
    public string TokenFactorName => $"{Module}.{(Table == TokenTable.Embedding ? "lora_embedding_A" : "lora_B.weight")}";

    /// <summary>LoRA's factor with an element for each column; that of an embedding is stored transposed.</summary>
    public string ColumnFactorName => $"{Module}.{(Table == TokenTable.Embedding ? "lora_embedding_B" : "lora_A.weight")}";

    public static string ModuleOf(TokenTable table) => table == TokenTable.Embedding ? EmbeddingModule : HeadModule;
}
