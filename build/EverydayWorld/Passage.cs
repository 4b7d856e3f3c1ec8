namespace EverydayWorld;

/// <summary>A stretch of a passage.</summary>
/// <param name="Text">The text, joined to its neighbours as it is.</param>
/// <param name="Weight">How much predicting it counts: 0 for what is only read, 1 for what matters, little for words that nobody can foresee.</param>
public sealed record Piece(string Text, float Weight);

/// <summary>A passage of pretraining text.</summary>
public sealed record Passage(IReadOnlyList<Piece> Pieces)
{
    /// <summary>The whole text.</summary>
    public string Text => string.Concat(Pieces.Select(piece => piece.Text));

    // Parts one after another, with a space between them.
    internal static Passage Join(int count, Action<List<Piece>> add)
    {
        var pieces = new List<Piece>();
        for (var i = 0; i < count; i++)
        {
            var first = pieces.Count;
            add(pieces);
            if (i > 0)
                pieces[first] = pieces[first] with { Text = " " + pieces[first].Text };
        }

        return new Passage(pieces);
    }
}
