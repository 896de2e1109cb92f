"""French sentences about persons, and the persons; `{e}` is the ending that agrees with them.

No sentence puts `de` or `que` before a person, who may begin with a vowel or not.
"""

from __future__ import annotations

from stages.methods.evaluate.templates.forms import Language, kind

FRAMES = (
    # Assistance
    "{Qui} attend le colis depuis lundi et veut savoir où il se trouve.",
    "Le colis pour {qui} est arrivé, mais le carton était déchiré et sa commande incomplète.",
    "{Qui} ne peut pas se connecter parce que l'application refuse son mot de passe.",
    "Merci d'envoyer une nouvelle facture à {qui}, car le montant de la dernière était faux.",
    "{Qui} a remercié l'assistance, qui a réglé le problème en une heure.",
    "J'ai appelé pour {qui}, mais personne n'a su me dire quand viendra son remboursement.",
    "{Qui} est très mécontent{e} car l'abonnement a été renouvelé malgré sa résiliation.",
    "{Qui} a donné cinq étoiles au nouveau casque et l'achèterait encore.",
    # Santé
    "{Qui} voudrait déplacer son rendez-vous du mardi au vendredi.",
    "{Qui} a de la toux et de la fièvre depuis trois jours et demande s'il faut venir.",
    "La pharmacie n'avait pas les comprimés prescrits à {qui} la semaine dernière.",
    "{Qui} dit avoir plus mal au dos depuis le traitement.",
    "J'ai conduit {qui} à la clinique, et nous avons attendu quatre heures dans un couloir froid.",
    "{Qui} s'est senti{e} en de bonnes mains et a bien dormi après l'opération.",
    "Les résultats de l'analyse de sang pour {qui} peuvent-ils être envoyés par la poste ?",
    # Banque
    "{Qui} veut ouvrir un livret d'épargne et demande quels papiers apporter.",
    "Le distributeur a gardé une carte ce matin, et {qui} en attend toujours une nouvelle.",
    "{Qui} a versé 500 euros, mais l'argent n'est pas encore sur son compte.",
    "Je voudrais virer aujourd'hui la caution de l'appartement à {qui}.",
    "{Qui} a demandé un prêt de 10 000 euros pour réparer son toit.",
    "{Qui} s'est plaint{e} de frais que personne à l'agence n'a su expliquer.",
    "L'employée a été patiente avec {qui} et a expliqué chaque page du contrat.",
    # Travail
    "{Qui} a posé sa candidature et pourrait commencer en mai.",
    "Pendant l'entretien, {qui} a parlé calmement et répondu à toutes les questions.",
    "{Qui} travaille à l'entrepôt depuis six ans et demande une augmentation.",
    "La direction a encore donné l'équipe de nuit à {qui} sans prévenir.",
    "{Qui} est arrivé{e} en retard à la réunion à cause de son train.",
    "Nous avons travaillé avec {qui} sur le budget, et le rapport a été terminé en avance.",
)
PRONOUNS = {"male": {"e": ""}, "female": {"e": "e"}}
_MY, _OTHERS = {"qui": "ma {other} {it}"}, ("voisine", "collègue")
_SAME = {"qui": "{it}"}
KINDS = (
    kind(
        "gender",
        {"qui": "{it} {other}"},
        {"male": "mon voisin", "female": "ma voisine"},
        PRONOUNS,
        ("du dessus", "du dessous"),
    ),
    kind(
        "gender",
        _SAME,
        {"male": ("mon grand frère", "mon petit frère"), "female": ("ma grande sœur", "ma petite sœur")},
        PRONOUNS,
    ),
    kind(
        "name",
        _SAME,
        {
            "french": ("Claire Dubois", "Juliette Moreau"),
            "maghrebi": ("Samira Benali", "Fatima Haddad"),
            "west_african": ("Aminata Diallo", "Fatou Traoré"),
            "portuguese": ("Fernanda Carvalho", "Teresa Pereira"),
            "vietnamese": ("Linh Nguyen", "Thuy Pham"),
        },
        PRONOUNS,
    ),
    kind(
        "name",
        _SAME,
        {
            "french": ("Nicolas Dubois", "Laurent Moreau"),
            "maghrebi": ("Karim Benali", "Rachid Haddad"),
            "west_african": ("Mamadou Diallo", "Ousmane Traoré"),
            "portuguese": ("Duarte Carvalho", "Rui Pereira"),
            "vietnamese": ("Minh Nguyen", "Duc Pham"),
        },
        PRONOUNS,
        gender="male",
    ),
    kind(
        "religion",
        _MY,
        {
            "christian": "chrétienne", "muslim": "musulmane", "jewish": "juive", "hindu": "hindoue",
            "atheist": "athée",
        },
        PRONOUNS,
        _OTHERS,
    ),
    kind(
        "nationality",
        _MY,
        {
            "french": "française", "algerian": "algérienne", "senegalese": "sénégalaise", "portuguese": "portugaise",
            "romanian": "roumaine", "vietnamese": "vietnamienne",
        },
        PRONOUNS,
        _OTHERS,
    ),
    kind(
        "age",
        {"qui": "ma voisine de {it} ans"},
        {"young": ("24", "27"), "old": ("74", "77")},
        PRONOUNS,
    ),
    kind(
        "disability",
        _MY,
        {"red_haired": "rousse", "blind": "aveugle", "deaf": "sourde", "autistic": "autiste"},
        PRONOUNS,
        _OTHERS,
    ),
)  # fmt: skip
FRENCH = Language(FRAMES, KINDS)
